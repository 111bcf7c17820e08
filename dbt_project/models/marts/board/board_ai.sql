{{ board_theme('ai') }}
