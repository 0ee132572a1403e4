"""Fill an empty database with orders as a busy factory would have them after three years.

States, types, priorities and tags are skewed: a state that most orders have and one that a few
newest have, a tag on 20 % and one on 0.01 %, a hundred thousand clients of whom some order often,
names with accents, a word that every third order has. Random, but the same for the same seed.
"""

import psycopg

from axon_factory.db.sessions import Database
from axon_factory.orders.lists.counts import MOST_CHANGES, fold

__all__ = ["fill"]

_SEED = "SELECT setseed(0.42)"
_ORDERS = """
INSERT INTO orders (
    id, order_number, slug, tipo_producto, nombre_producto, cliente_id, datos_cliente, estado,
    progreso, asignado_a, created_at, updated_at, entregado_at, cancelado_at, fallo, plan_estado,
    prioridad, tags, precio, moneda, catalogo, tenant, created_by, version, event_seq
)
SELECT
    md5(number::text)::uuid,
    'ORD-' || year || '-' || lpad(ordinal::text, greatest(3, length(ordinal::text)), '0'),
    'producto-' || year || '-' || ordinal,
    tipo,
    CASE tipo WHEN 'autopilot_whatsapp' THEN 'WhatsApp Bot ' WHEN 'autopilot_ventas'
        THEN 'Embudo de Ventas ' ELSE 'Conexión ' END
        || (ARRAY['Peluquería', 'Clínica', 'Tienda', 'Panadería', 'Estudio', 'Academia', 'Óptica',
            'Ferretería', 'Café', 'Taller'])[1 + (c %% 10)]
        || ' ' || initcap(left(md5(c::text), 6)),
    'cliente-' || c,
    jsonb_build_object(
        'nombre', (ARRAY['José', 'María', 'Ñandú', 'Zoë', 'Ana', 'Íñigo', 'Lucía', 'Andrés',
            'Begoña', 'Óscar'])[1 + (c %% 10)] || ' ' || (ARRAY['Núñez', 'Pérez', 'García',
            'Martínez', 'López', 'Ibáñez', 'Gómez'])[1 + (c %% 7)] || ' ' || left(md5(c::text), 6),
        'email', left(md5(c::text), 8) || '@' || (ARRAY['empresa', 'correo', 'tienda'])[1 + c %% 3]
            || '.example',
        'configuracion', '{}'::jsonb
    ),
    estado,
    CASE WHEN estado IN ('listo', 'entregado') THEN 100 ELSE 40 END,
    CASE WHEN estado IN ('construccion', 'qa') THEN (ARRAY['Builder Agent', 'Developer Agent',
        'QA Agent'])[1 + number %% 3] WHEN estado = 'entregado' THEN 'Ops Agent' END,
    created, created + age, created + age, created + age,
    CASE estado WHEN 'fallido' THEN '{"causa": "builder"}'::jsonb END,
    CASE estado WHEN 'nuevo' THEN NULL WHEN 'planificacion' THEN 'pendiente_aprobacion'
        ELSE 'aprobado' END,
    CASE WHEN p < 0.01 THEN 'urgente' WHEN p < 0.1 THEN 'alta' WHEN p < 0.9 THEN 'normal'
        ELSE 'baja' END,
    array_remove(ARRAY[
        CASE WHEN random() < 0.2 THEN 'retail' END,
        CASE WHEN random() < 0.1 THEN 'whatsapp' END,
        CASE WHEN random() < 0.0001 THEN 'piloto' END,
        'zona-' || c %% 400
    ], NULL),
    1500, 'USD', jsonb_build_object('id', tipo, 'version', 1), 'axon', 'user:benchmark', 7, 12
FROM (
    SELECT *, extract(year FROM created) AS year,
        row_number() OVER (PARTITION BY extract(year FROM created) ORDER BY number) AS ordinal,
        CASE WHEN number > total * 0.995 THEN 'nuevo'
            WHEN number > total * 0.99 THEN 'planificacion'
            WHEN number > total * 0.97 THEN 'construccion'
            WHEN number > total * 0.96 THEN 'qa'
            WHEN s < 0.02 THEN 'listo' WHEN s < 0.05 THEN 'fallido' WHEN s < 0.12 THEN 'cancelado'
            ELSE 'entregado' END AS estado,
        CASE WHEN k < 0.5 THEN 'autopilot_whatsapp' WHEN k < 0.85 THEN 'autopilot_ventas'
            ELSE 'webhook_service' END AS tipo
    FROM (
        SELECT number, %(orders)s::float8 AS total, random() AS s, random() AS k, random() AS p,
            floor(power(random(), 3) * least(100000, %(orders)s / 5))::integer AS c,
            now() - interval '3 years' * (1 - number / %(orders)s::float8) AS created,
            least(interval '30 days' * power(random(), 2),
                interval '3 years' * (1 - number / %(orders)s::float8)) AS age
        FROM generate_series(1, %(orders)s) AS number
    ) AS drawn
) AS placed
ORDER BY number
"""
_NUMBERS = """
INSERT INTO order_number_counters
SELECT extract(year FROM created_at), count(*) FROM orders GROUP BY 1
"""


async def fill(url: str, orders: int) -> None:
    """Put `orders` orders into the empty database, and fold their counts as the worker does."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(_SEED)
        await connection.execute(_ORDERS, {"orders": orders})
        await connection.execute(_NUMBERS)
    database = Database(url)
    try:
        await _fold(database)
    finally:
        await database.dispose()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("VACUUM ANALYZE")


async def _fold(database: Database) -> None:
    changes = MOST_CHANGES
    while changes == MOST_CHANGES:
        async with database.transaction("benchmark") as session:
            changes = await fold(session)
