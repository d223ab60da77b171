# Four images from one build, each one static program and nothing else:
#
#   docker build --target api -t turbine-api .        (or sender, train, viz)
#
# A change in a source file builds our own code again; only a change in a manifest or the lock file builds the
# dependencies again.

FROM rust:1.95-slim-bookworm AS sources
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /project
COPY . .
# The skeleton decides the dependencies: the manifests, with an empty file for every target they have. It is copied from
# here below, and that only if it changed. Tests, benchmarks and examples are emptied here too: they are not built.
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
    CARGO_PROFILE_RELEASE_STRIP=debuginfo
WORKDIR /project
COPY --from=sources /skeleton .
RUN cargo build --release --locked --target "$(rustc --print host-tuple)" -p api -p sender -p train -p viz
COPY --from=sources /project .
# Cargo goes by times, and the empty files of the skeleton are newer than the real ones.
RUN find crates -name '*.rs' -exec touch {} + \
 && cargo build --release --locked --target "$(rustc --print host-tuple)" -p api -p sender -p train -p viz \
 && mkdir -p /image/outputs \
 && for program in api sender train viz; do \
        install "target/$(rustc --print host-tuple)/release/$program" "/image/$program"; \
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

FROM scratch AS api
COPY --from=build /image/api /api
# In its place for a container by itself, and once more for one that has a folder of its host in that place.
COPY --from=build /image/models /models
COPY --from=build /image/models /first
# A volume, so that the log has a place that lasts even where the root file system is read-only and nothing is mounted.
COPY --from=build --chown=65532:65532 /image/outputs /outputs
VOLUME /outputs
ENV API_HOST=0.0.0.0 \
    FIRST_MODEL=/first/turbine_iforest.json
USER 65532:65532
EXPOSE 5000
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --start-interval=0.1s --retries=3 CMD ["/api", "health"]
ENTRYPOINT ["/api"]
