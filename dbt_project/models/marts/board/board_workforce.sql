{{ board_theme('workforce') }}
