{{ board_theme('governance') }}
