{{ figures_of(supply_chain_figures()) }}
