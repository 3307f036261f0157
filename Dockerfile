# syntax=docker/dockerfile:1
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# .git comes along, so that "jellyward version" can tell the commit.
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/jellyward ./cmd/jellyward \
 && install -d -m 0700 /out/data

# Nothing but the program and the authorities that it trusts: no shell, no
# Redis. Runs as nobody special, also with a read-only root.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/jellyward /usr/local/bin/jellyward
COPY --from=build --chown=nonroot:nonroot /out/data /var/lib/jellyward
ENV JELLYWARD_DATA_DIR=/var/lib/jellyward
VOLUME /var/lib/jellyward
USER nonroot:nonroot
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/jellyward", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/jellyward"]
CMD ["serve"]
