-- Three roles for the ledger on PostgreSQL, so that the program that runs every month cannot change what it recorded.
--
--   owner        owns the tables and brings them up to date; for `birthshare ledger migrate` alone
--   application  for everything else: it adds, and takes away only what must be destroyed
--   reader       for an auditor: it reads, and `birthshare ledger verify` needs no more
--
-- A superuser runs this in the ledger's database before the first `birthshare ledger migrate` and after each; it may
-- be run any number of times, also on a database whose tables one single role has made:
--
--   psql --dbname birthshare --set owner=birthshare_owner --set application=birthshare \
--        --set reader=birthshare_reader --file infra/postgresql/roles.sql
--
-- Passwords are set apart from it: \password birthshare

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
BEGIN;

-- The roles: none may do anything beyond this database, and none may become another.
SELECT format('CREATE ROLE %I', name)
FROM (VALUES (:'owner'), (:'application'), (:'reader')) AS roles (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
SELECT format('ALTER ROLE %I LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', name)
FROM (VALUES (:'owner'), (:'application'), (:'reader')) AS roles (name) \gexec
SELECT format('REVOKE %I FROM %I', granted.rolname, member.rolname)
FROM pg_auth_members
JOIN pg_roles AS granted ON granted.oid = roleid
JOIN pg_roles AS member ON member.oid = pg_auth_members.member
WHERE member.rolname IN (:'application', :'reader') \gexec

-- The database and its schema.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM %I', current_database(), name)
FROM (VALUES (:'owner'), (:'application'), (:'reader')) AS roles (name) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name)
FROM (VALUES (:'owner'), (:'application'), (:'reader')) AS roles (name) \gexec
ALTER SCHEMA public OWNER TO :"owner";
REVOKE ALL ON SCHEMA public FROM PUBLIC, :"application", :"reader";
GRANT USAGE ON SCHEMA public TO :"application", :"reader";

-- What stands there belongs to the owner, whoever made it.
SELECT format('ALTER TABLE public.%I OWNER TO %I', tablename, :'owner')
FROM pg_tables WHERE schemaname = 'public' \gexec
SELECT format('ALTER FUNCTION %s OWNER TO %I', oid::regprocedure, :'owner')
FROM pg_proc WHERE pronamespace = 'public'::regnamespace \gexec

-- Nobody else has any right but those that follow.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, :"application", :"reader";
GRANT SELECT ON ALL TABLES IN SCHEMA public TO :"application", :"reader";
SELECT format('GRANT %s ON public.%I TO %I', rights, name, :'application')
FROM (VALUES
    ('entries',      'INSERT'),
    ('checkpoints',  'INSERT'),
    ('subtrees',     'INSERT'),
    ('head',         'UPDATE'),
    ('openings',     'INSERT, DELETE'),  -- DELETE: whom an entry is about is destroyed in time
    ('disclosures',  'INSERT, DELETE'),  -- look-ups, which verification compares with the entries
    ('recalls',      'INSERT, DELETE'),
    ('suppressions', 'INSERT'),
    ('leases',       'INSERT, UPDATE')
) AS needed (name, rights)
WHERE to_regclass(format('public.%I', name)) IS NOT NULL \gexec

COMMIT;
