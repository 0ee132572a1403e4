"""Lists of orders with an exact total, at any number of orders (design §3.4, ADR 0016).

Every order has a *position* (a small integer) and *terms* ("e:qa", "g:retail", "w:empresa"), which
triggers keep. A filter is an AND of ORs of terms. Of each term that many orders have there is a
bitmap over positions; the worker folds changes into it (`folding`), and a reader takes the orders
that changed since from their rows (`index`). So any filter is a few ANDs and a count of bits,
and the page is read from the calendar months that its bits lie in (`page`).
"""
