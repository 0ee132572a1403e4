CREATE TABLE interesados (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  nombre TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE,
  telefono TEXT NOT NULL DEFAULT '',
  mensaje TEXT NOT NULL DEFAULT '',
  etapa TEXT NOT NULL DEFAULT 'nuevo'
    CHECK (etapa IN ('nuevo', 'contactado', 'propuesta', 'ganado', 'perdido')),
  creado_at TEXT NOT NULL
) STRICT;
CREATE TABLE citas (
  inicio TEXT PRIMARY KEY,
  interesado_id INTEGER NOT NULL REFERENCES interesados (id) ON DELETE CASCADE
) STRICT;
CREATE TABLE visitas (dia TEXT PRIMARY KEY, cuantas INTEGER NOT NULL) STRICT;
