"""Versions of an order's plan: read, compare, edit, ask about; `orders.approval` decides."""
