-- Stored-value cards: what a card is. What is left on it is its account in the ledger.

create table stored_value_cards (
    tenant_id    uuid           not null,
    card_id      uuid           not null,
    customer_id  uuid           not null,
    name         text           not null,
    face_value   numeric(28, 8) not null,
    currency     text           not null,
    effective_at timestamptz    not null,
    expires_at   timestamptz    not null,
    constraint stored_value_cards_pk primary key (tenant_id, card_id),
    constraint stored_value_cards_face_positive check (face_value > 0)
);
create index stored_value_cards_of_customer on stored_value_cards (tenant_id, customer_id, effective_at desc, card_id desc);
select place_by_tenant('stored_value_cards');
