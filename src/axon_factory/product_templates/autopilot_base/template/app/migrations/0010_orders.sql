CREATE TABLE productos (
  nombre TEXT PRIMARY KEY,
  precio TEXT,
  posicion INTEGER NOT NULL
) STRICT;
CREATE TABLE pedidos (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  canal TEXT NOT NULL,
  contacto TEXT NOT NULL,
  estado TEXT NOT NULL DEFAULT 'confirmado'
    CHECK (estado IN ('confirmado', 'pagado', 'entregado', 'cancelado')),
  creado_at TEXT NOT NULL,
  pagado_at TEXT
) STRICT;
CREATE INDEX pedidos_contacto ON pedidos (contacto, id);
CREATE TABLE pedido_lineas (
  pedido_id INTEGER NOT NULL REFERENCES pedidos (id) ON DELETE CASCADE,
  producto TEXT NOT NULL,
  cantidad INTEGER NOT NULL CHECK (cantidad BETWEEN 1 AND 999),
  precio TEXT
) STRICT;
CREATE INDEX pedido_lineas_pedido ON pedido_lineas (pedido_id);
CREATE TABLE mensajes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  canal TEXT NOT NULL,
  identificador TEXT NOT NULL UNIQUE,
  contacto TEXT NOT NULL,
  texto TEXT NOT NULL,
  respuesta TEXT NOT NULL,
  creado_at TEXT NOT NULL
) STRICT;
CREATE INDEX mensajes_contacto ON mensajes (contacto, id);
