# The exporter's image. The Node version is the one that package.json names for development; a test compares them.
FROM node:24.21.0-trixie-slim AS build
WORKDIR /build
# No install scripts: the only one would fetch a second Node.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:24.21.0-trixie-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
# A new volume takes over the owner of the folder it covers.
RUN mkdir /data && chown node:node /data
USER node
EXPOSE 9871
VOLUME /data
# The image has no curl.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9871/-/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["--storage.path=/data", "--web.listen-address=:9871"]
