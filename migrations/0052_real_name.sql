-- Real-name authentication: applications and their review; which numbers of documents are in use; new-customer tags.

create table real_name_applications (
    tenant_id        uuid        not null,
    application_id   uuid        not null,
    customer_id      uuid        not null,
    partner_id       uuid        not null,      -- who applied for it
    applied_at       timestamptz not null,
    customer_type    smallint    not null,      -- 0 person, 1 company
    is_change        boolean     not null,      -- from person to company
    document_type    smallint    not null,
    sealed_name      bytea       not null,      -- all that is sealed is bound to the customer
    sealed_number    bytea       not null,
    number_hash      bytea       not null,
    sealed_details   bytea       not null,      -- JSON: address, legal person, bank card, whatever the kind asks for
    attachments      text[]      not null,      -- below download/ of the partner's bucket
    status           smallint    not null,      -- 0 pending, 1 refused, 2 passed
    opinion          text        not null,      -- why it was refused
    reviewed_at      timestamptz,
    constraint real_name_applications_pk primary key (tenant_id, application_id),
    constraint real_name_applications_status_known check (status in (0, 1, 2)),
    constraint real_name_applications_reviewed check ((status = 0) = (reviewed_at is null))
);
create unique index real_name_applications_one_pending on real_name_applications (tenant_id, customer_id)
    where status = 0;
create index real_name_applications_of_customer
    on real_name_applications (tenant_id, customer_id, applied_at desc, application_id desc);
create index real_name_applications_to_review on real_name_applications (applied_at) where status = 0;
select place_by_tenant('real_name_applications');
do $$ begin
    alter table real_name_applications add constraint real_name_applications_customer_fk
        foreign key (tenant_id, customer_id) references customers (tenant_id, domain_id);
end $$;

-- Numbers of documents by their hash: how many customers were verified with each.
create table certificates (
    number_hash bytea   not null,
    customers   integer not null,
    banned      boolean not null,               -- must not be used
    constraint certificates_pk primary key (number_hash),
    constraint certificates_customers_natural check (customers >= 0)
);
select place_by_key('certificates', 'number_hash');

-- What a QR code leads to: valid for ten minutes and one scan.
create table real_name_tickets (
    token_hash  bytea       not null,
    tenant_id   uuid        not null,
    customer_id uuid        not null,
    expires_at  timestamptz not null,
    constraint real_name_tickets_pk primary key (token_hash)
);
create index real_name_tickets_expiry on real_name_tickets (expires_at);
select place_by_key('real_name_tickets', 'token_hash');

-- Whether a customer counts as new, and in which months.
alter table customers
    add column new_tag       text,              -- Y, UNDETERMINED; null: not verified yet
    add column new_tag_from  date,
    add column new_tag_until date;
do $$ begin
    alter table customers add constraint customers_new_tag_whole
        check ((new_tag is null) = (new_tag_from is null) and (new_tag is null) = (new_tag_until is null));
end $$;

-- A distributor's resellers, latest first.
create index domains_resellers on domains (tenant_id, parent_id, created_at desc, domain_id desc) where kind = 'reseller';
