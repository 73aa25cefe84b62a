"""The network itself, in a form that torch runs and the exporter takes."""
