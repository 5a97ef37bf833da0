# The service in a container: docker build -t colonnade .          The manual: docs/deploy.md
# It listens on all addresses, so it wants a token (--token-file) or --allow-anonymous; without, it says so and ends.
# With --target dask: the same, and what a server, a scheduler and workers need that compute together (docs/scaling.md).

FROM docker.io/library/debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends make
WORKDIR /src
COPY Makefile ./
COPY tools/packages.sh tools/
RUN make packages
COPY . .
RUN make -j"$(nproc)" build/colonnade \
    && make DESTDIR=/out install \
    && sh tools/runtime-packages.sh build/colonnade >/out/packages \
    && strip /out/usr/local/sbin/colonnade

FROM docker.io/library/debian:bookworm-slim AS service
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="colonnade" \
      org.opencontainers.image.description="Computes columns and row hashes over HTTP, and says where the time went" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"
# The libraries that the program is linked with, and nothing else. The logs of their installation would differ in each
# build. /data is for --data-dir: a volume that is mounted there the first time takes its owner.
RUN --mount=type=bind,from=build,source=/out/packages,target=/mnt/packages \
    apt-get update \
    && xargs -a /mnt/packages apt-get install -y --no-install-recommends \
    && install -d -o 10001 -g 10001 -m 700 /data \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/aux-cache /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
COPY --from=build /out/usr/local/sbin /usr/local/sbin
COPY --from=build /out/usr/local/share/doc /usr/local/share/doc
ENV COLONNADE_LISTEN=0.0.0.0:8080
EXPOSE 8080
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/usr/local/sbin/colonnade", "--health"]
ENTRYPOINT ["/usr/local/sbin/colonnade"]

FROM service AS dask
# Of one cluster: the server with its bridge, `dask-scheduler` and `dask-worker` (--entrypoint). All have the same program, the
# same Python and the same Dask, as a cluster must.
USER 0:0
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-distributed \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/aux-cache /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
USER 10001:10001

FROM service
