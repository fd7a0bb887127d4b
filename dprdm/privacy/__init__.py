"""Budgets, accountants, noise, plans, ledgers and certificates. No torch: numpy in float64."""
