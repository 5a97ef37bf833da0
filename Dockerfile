# The service in a container: docker build -t colonnade .
# It listens on all addresses, so it wants a token (--token-file) or --allow-anonymous; without, it says so and ends.

FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends make
WORKDIR /src
COPY Makefile ./
COPY tools/packages.sh tools/
RUN make packages
COPY . .
RUN make -j"$(nproc)" build/colonnade && make DESTDIR=/out install && strip /out/usr/local/sbin/colonnade

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmicrohttpd12 libjansson4 libssl3 libxxhash0 libsleef3 libsqlite3-0 libseccomp2 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/usr/local /usr/local
ENV COLONNADE_LISTEN=0.0.0.0:8080
EXPOSE 8080
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["bash", "-c", "exec 3<>\"/dev/tcp/127.0.0.1/${COLONNADE_LISTEN##*:}\" && printf 'GET /livez HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q alive <&3"]
ENTRYPOINT ["/usr/local/sbin/colonnade"]
