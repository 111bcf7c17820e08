{{ board_theme('geopolitics') }}
