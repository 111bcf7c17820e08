{{ board_theme('grievance') }}
