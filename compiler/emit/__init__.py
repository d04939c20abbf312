"""What a graph becomes: Python source, a module, tables, data. One output a file."""
