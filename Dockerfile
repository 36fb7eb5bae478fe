# Two stages: the first one compiles a static binary, the second one holds that binary, a configuration and nothing else.
#
# Nothing of the day or the place is to go into the image: the toolchain and all crates are pinned, paths are those of the build stage, and
# every file is dated SOURCE_DATE_EPOCH (docs/deployment.md says how to compare two builds).
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
# Writes into the binary which crates are in it, in which versions: Trivy, Grype, Syft and osv-scanner read it there.
RUN cargo install cargo-auditable --locked --version 0.7.7

# Dependencies first: with empty sources they become a layer of their own, which a change of our code leaves alone.
COPY Cargo.toml Cargo.lock ./
RUN set -eu; \
    mkdir -p src benches; \
    echo 'fn main() {}' > src/main.rs; \
    touch src/lib.rs; \
    for bench in $(sed -n '/^\[\[bench\]\]/,/^$/s/^name = "\(.*\)"/\1/p' Cargo.toml); do \
        echo 'fn main() {}' > "benches/$bench.rs"; \
    done; \
    RUSTFLAGS='-C target-feature=+crt-static' \
        cargo auditable build --release --locked --bin workiva-sync --target "$(uname -m)-unknown-linux-gnu"

# The sources are dated anew, as cargo believes whatever is older than the empty ones to be compiled already.
COPY migrations migrations
COPY src src
ARG SOURCE_DATE_EPOCH=0
RUN set -eu; \
    find src migrations -type f -exec touch {} +; \
    RUSTFLAGS='-C target-feature=+crt-static' \
        cargo auditable build --release --locked --bin workiva-sync --target "$(uname -m)-unknown-linux-gnu"; \
    mkdir -p /image/data/hr /image/data/state /image/etc/workiva-sync; \
    cp "target/$(uname -m)-unknown-linux-gnu/release/workiva-sync" /image/workiva-sync
COPY config/container.toml /image/etc/workiva-sync/workiva-sync.toml
RUN chmod -R u=rwX,go=rX /image && find /image -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

# No shell, no package, no certificate file: the roots of TLS are compiled in, and names are resolved by glibc's own code.
FROM scratch
LABEL org.opencontainers.image.title="workiva-sync" \
      org.opencontainers.image.description="Keeps Workiva's users in step with an HR system" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /image/workiva-sync /workiva-sync
COPY --from=build /image/etc /etc
# A volume takes over the owner of the folder that it is mounted on.
COPY --from=build --chown=10001:10001 /image/data /data
# Everything else is read-only; should SQLite ever spill a sort, it goes where the database is.
ENV WORKIVA_SYNC_CONFIG=/etc/workiva-sync/workiva-sync.toml \
    SQLITE_TMPDIR=/data/state
VOLUME /data
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/workiva-sync", "healthcheck"]
ENTRYPOINT ["/workiva-sync"]
CMD ["run"]
