"""Lists of orders with an exact total, at any number of orders (design §3.4, ADR 43).

`listed_orders` has a narrow row for each order with what lists are filtered by. `order_counts` has
how many orders there are of each combination of values, in all, of each tag and of each client.
Writers append to `order_count_changes`, which the worker folds in (`counts`). Triggers keep all
three. A list is one statement (`statement`): its total is a sum of counts where there are some.
"""
