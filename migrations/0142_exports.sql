-- Exports: what accounts asked to be written into a file, how far it is, and the file, in pieces.

create table exports (
    tenant_id    uuid        not null,
    export_id    uuid        not null,
    domain_id    uuid        not null, -- who asked for it
    owner_id     uuid        not null, -- whose rows they are: its own, or its reseller's
    kind         text        not null, -- of what
    format       text        not null,
    language     text        not null, -- of names
    has_bom      boolean     not null, -- whether a byte order mark stands first, for spreadsheets
    is_masked    boolean     not null, -- whether names, phones and e-mail addresses are
    customer_id  uuid,                 -- only those of this customer
    first_day    date,                 -- only those from this day of UTC+8 on; of bills the first of a month
    last_day     date,                 -- only those until this day
    user_name    text        not null, -- who asked
    requested_at timestamptz not null,
    state        text        not null,
    slot         smallint,             -- which of the few that an account can have at a time; null: it has ended
    cause        text,                 -- why it failed
    rows_in_all  bigint,               -- as they were counted when it began
    rows_done    bigint      not null,
    bytes        bigint      not null,
    pieces       integer     not null, -- how many there are
    place        jsonb,                -- the key of the last row that was written
    updated_at   timestamptz not null,
    expires_at   timestamptz,          -- when the file goes; null: it has not ended
    holder       uuid,                 -- the replica that writes it
    held_until   timestamptz not null, -- by the system's time: until then it is that one's; who waits longest is next
    attempts     smallint    not null, -- how often it was taken since a piece was written
    constraint exports_pk primary key (tenant_id, export_id),
    constraint exports_state_known check (state in ('waiting', 'running', 'done', 'failed')),
    constraint exports_slot_until_the_end check ((slot is not null) = (state in ('waiting', 'running'))),
    constraint exports_expire_when_ended check ((expires_at is not null) = (slot is null)),
    constraint exports_cause_of_failure check ((cause is not null) = (state = 'failed'))
);
create unique index exports_by_slot on exports (tenant_id, domain_id, slot) where slot is not null;
create index exports_of_account on exports (tenant_id, domain_id, requested_at desc, export_id desc);
create index exports_to_write on exports (held_until, tenant_id) where slot is not null;
create index exports_to_forget on exports (tenant_id, expires_at) where expires_at is not null;
select place_by_tenant('exports');

-- Each page of rows is a piece: written with the place it ends at in one transaction, so who goes on after a crash writes none twice.
create table export_pieces (
    tenant_id uuid    not null,
    export_id uuid    not null,
    piece     integer not null, -- from 0
    content   bytea   not null,
    constraint export_pieces_pk primary key (tenant_id, export_id, piece)
);
select place_by_tenant('export_pieces');
revoke update, truncate on export_pieces from bss_gateway;
do $$ begin
    alter table export_pieces add constraint export_pieces_export_fk
        foreign key (tenant_id, export_id) references exports (tenant_id, export_id);
end $$;
