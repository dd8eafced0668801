-- A sandbox can be made with nothing in it but accounts, funds and coupons; by default it has some weeks of business behind it.
do $$ begin
    alter table sandbox_world drop constraint sandbox_world_scale_known;
end $$;
do $$ begin
    alter table sandbox_world add constraint sandbox_world_scale_known check (scale in ('bare', 'small', 'medium', 'large'));
end $$;
