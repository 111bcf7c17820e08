{{ board_theme('training') }}
