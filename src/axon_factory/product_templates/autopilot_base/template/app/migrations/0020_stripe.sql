CREATE TABLE pagos_stripe (
  evento TEXT PRIMARY KEY,
  pedido_id INTEGER REFERENCES pedidos (id),
  importe_minimo INTEGER,
  moneda TEXT,
  resultado TEXT NOT NULL,
  recibido_at TEXT NOT NULL
) STRICT;
