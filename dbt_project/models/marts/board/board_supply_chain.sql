{{ board_theme('supply_chain') }}
