# Build: docker build -t bss-gateway .   Run: config/compose.yaml shows how.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
# The dependencies first: they change less often than the sources.
RUN mkdir -p src tests \
    && echo 'fn main() {}' > src/main.rs && touch src/lib.rs tests/code.rs tests/main.rs \
    && cargo build --profile dist --locked \
    && rm -r src tests
COPY .sqlx .sqlx
COPY config config
COPY migrations migrations
COPY src src
RUN mkdir tests && touch tests/code.rs tests/main.rs src/main.rs src/lib.rs \
    && SQLX_OFFLINE=true cargo build --profile dist --locked --bin bss-gateway \
    && strip target/dist/bss-gateway

FROM debian:bookworm-slim
COPY --from=build /src/target/dist/bss-gateway /usr/local/bin/bss-gateway
# A number, so that "must not run as root" can be checked without looking into the image.
USER 10001:10001
ENV BSS_SERVER_LISTEN=0.0.0.0:8080 BSS_SERVER_OPERATOR_LISTEN=0.0.0.0:9090
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=4s --start-period=5s CMD ["bss-gateway", "healthcheck"]
ENTRYPOINT ["bss-gateway"]
CMD ["serve"]
