"""An order's plan: its versions (`versions`) and what people decide about them (`decisions`)."""
