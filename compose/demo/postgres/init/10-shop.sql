-- Runs once, in the database shop, when its volume is new. The passwords are those that shop-setup made.
\set shop_password `cat /run/secrets/database-shop`
\set seawall_password `cat /run/secrets/database-seawall`

CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  amount numeric(12, 2) NOT NULL,
  email text NOT NULL,
  ordered_at timestamptz NOT NULL DEFAULT now()
);
CREATE ROLE shop LOGIN PASSWORD :'shop_password';
GRANT SELECT, INSERT, DELETE ON orders TO shop;

-- What docs/reference/exporter.md says, and no more.
CREATE EXTENSION pg_stat_statements;
CREATE ROLE seawall LOGIN PASSWORD :'seawall_password' CONNECTION LIMIT 5;
GRANT pg_monitor TO seawall;
