# The exchange in a container that holds glibc, Node, one file and nothing else: no shell, no package manager.
#
#   docker build -t magi-exchange .
#   docker run -d --name magi --stop-timeout 20 -p 8082:8082 -v magi-data:/data -e PUBLIC_HOSTS=magi.example.org:8082 magi-exchange
#
# It runs as well with --read-only --cap-drop ALL --security-opt no-new-privileges. The admin's password is ADMIN_PASSWORD, or the one in
# /data/admin-password: docker cp magi:/data/admin-password - | tar -xOf -

# --- the build: any Node will do, since the pinned one comes with the dependencies ---
FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build \
 && mkdir -p app/cache app/data \
 && cp -L node_modules/node-linux-*/bin/node app/node \
 && cp dist/magi-exchange.mjs LICENSE app/
# It serves for a moment: what does not is no image. And it has unpacked its native parts then, so that it writes nothing but /data later.
RUN export XDG_CACHE_HOME="$PWD/app/cache" DATA_DIR="$PWD/tried" PORT="${PORT:-8082}"; \
    app/node app/magi-exchange.mjs & \
    for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 1; app/node app/magi-exchange.mjs health && break; done; \
    app/node app/magi-exchange.mjs health && kill $! && wait $!

# --- what runs ---
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/app/node /build/app/magi-exchange.mjs /build/app/LICENSE /app/
COPY --from=build --chown=65532:65532 /build/app/cache /app/cache
COPY --from=build --chown=65532:65532 /build/app/data /data
ENV HOST=0.0.0.0 \
    PORT=8082 \
    DATA_DIR=/data \
    XDG_CACHE_HOME=/app/cache
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8082
HEALTHCHECK --interval=30s --timeout=6s --start-period=20s --retries=3 \
    CMD ["/app/node", "/app/magi-exchange.mjs", "health"]
ENTRYPOINT ["/app/node", "/app/magi-exchange.mjs"]
