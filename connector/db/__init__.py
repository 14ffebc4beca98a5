"""Engines, transactions and what differs between databases."""
