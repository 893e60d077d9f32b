"""Between a supplier and us: fetching its files, watching for drift, telling it what is wrong."""
