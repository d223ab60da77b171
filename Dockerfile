# Five images from one build, each with one static program only:
#
#   docker build --target api -t turbine-api .        (or sender, train, viz, worker)
#
# A change of a source file rebuilds our own code; only a change of a manifest or the lock file rebuilds the dependencies.

FROM rust:1.95-slim-bookworm AS sources
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /project
COPY . .
# The skeleton is all that determines the dependencies: the manifests and an empty file per target. The next stage copies
# it, from the cache if it is unchanged. Tests, benchmarks and examples are emptied: they are not built.
RUN mkdir /skeleton \
 && find . -name Cargo.toml -exec cp --parents Cargo.lock {} /skeleton/ \; \
 && find . -name '*.rs' | while read -r file; do \
        case $file in \
            */src/lib.rs | */src/main.rs | */src/bin/* | */build.rs) targets=/skeleton ;; \
            */src/*) targets= ;; \
            *) targets="/skeleton ." ;; \
        esac; \
        for tree in $targets; do \
            mkdir -p "$tree/${file%/*}" && echo '#![allow(missing_docs, dead_code)] fn main() {}' >"$tree/$file" || exit 1; \
        done; \
    done

FROM rust:1.95-slim-bookworm AS build
ENV RUSTFLAGS="-C target-feature=+crt-static" \
    CARGO_PROFILE_RELEASE_STRIP=symbols
WORKDIR /project
COPY --from=sources /skeleton .
RUN cargo build --release --locked --target "$(rustc --print host-tuple)" -p api -p train -p viz -p worker \
 && cargo build --profile small --locked --target "$(rustc --print host-tuple)" -p sender
COPY --from=sources /project .
# Cargo compares times, and the empty files of the skeleton are newer than the real ones.
RUN find crates -name '*.rs' -exec touch {} + \
 && cargo build --release --locked --target "$(rustc --print host-tuple)" -p api -p train -p viz -p worker \
 && cargo build --profile small --locked --target "$(rustc --print host-tuple)" -p sender \
 && mkdir -p /image/outputs \
 && for program in release/api small/sender release/train release/viz release/worker; do \
        install "target/$(rustc --print host-tuple)/$program" /image/; \
    done
RUN /image/train --model /image/models/turbine_iforest.json --outputs /tmp

FROM scratch AS sender
COPY --from=build /image/sender /sender
USER 65532:65532
ENTRYPOINT ["/sender"]

FROM scratch AS train
COPY --from=build /image/train /train
USER 65532:65532
ENTRYPOINT ["/train"]

FROM scratch AS viz
COPY --from=build /image/viz /viz
USER 65532:65532
ENTRYPOINT ["/viz"]

FROM scratch AS worker
COPY --from=build /image/worker /worker
COPY --from=build /image/models /models
ENV WORKER_HOST=0.0.0.0
USER 65532:65532
EXPOSE 5001
ENTRYPOINT ["/worker"]

FROM scratch AS api
COPY --from=build /image/api /api
# /models for a container on its own; /first for one with a host folder mounted over /models.
COPY --from=build /image/models /models
COPY --from=build /image/models /first
# A volume, so that the log is writable and persistent even with a read-only root file system and no mount.
COPY --from=build --chown=65532:65532 /image/outputs /outputs
VOLUME /outputs
ENV API_HOST=0.0.0.0 \
    FIRST_MODEL=/first/turbine_iforest.json
USER 65532:65532
EXPOSE 5000
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --start-interval=0.1s --retries=3 CMD ["/api", "health"]
ENTRYPOINT ["/api"]
