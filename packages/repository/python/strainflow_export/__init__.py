"""What export_network.py is made of: one module per framework, and what they share."""
