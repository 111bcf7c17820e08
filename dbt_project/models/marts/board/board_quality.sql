{{ board_theme('quality') }}
