CREATE TABLE eventos (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  identificador TEXT NOT NULL UNIQUE,
  tipo TEXT NOT NULL,
  cuerpo TEXT NOT NULL,
  recibido REAL NOT NULL
) STRICT;
CREATE INDEX eventos_recibido ON eventos (recibido);
CREATE TABLE entregas (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  evento_id INTEGER NOT NULL REFERENCES eventos (id) ON DELETE CASCADE,
  destino TEXT NOT NULL,
  cuerpo TEXT NOT NULL,
  estado TEXT NOT NULL DEFAULT 'pendiente' CHECK (estado IN ('pendiente', 'entregado', 'fallido')),
  intentos INTEGER NOT NULL DEFAULT 0,
  proximo REAL NOT NULL,
  error TEXT
) STRICT;
CREATE INDEX entregas_proximo ON entregas (estado, proximo);
