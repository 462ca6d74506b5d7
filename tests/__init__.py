"""One test module per product module, and the worked example, the simulation, the terminal and the house."""
