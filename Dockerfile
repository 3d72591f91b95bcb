# The CPU image: `docker build -t skep .`, then
#
#   docker run --rm -p 8001:8001 -p 8002:8002 -v "$PWD/models:/models:ro" skep \
#       serve --model /models/NAME.gguf --grpc-address 0.0.0.0:8001 --metrics-address 0.0.0.0:8002

FROM debian:bookworm-slim AS build
WORKDIR /src
ENV SKEP_CACHE_DIR=/var/cache/skep CCACHE_DIR=/var/cache/ccache
RUN apt-get update && apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/*
# Apart from the sources, so that a change to these does not install everything again.
COPY tools/setup tools/setup
COPY tools/requirements tools/requirements
RUN tools/setup && rm -rf /var/lib/apt/lists/*
COPY . .
# The libraries of libtorch get another place below, which the loader is told of.
RUN tools/build release -DCMAKE_SKIP_RPATH=ON --target skep \
    && strip build/release/skep \
    && packages=$(echo "$SKEP_CACHE_DIR"/venv/lib/python3*/site-packages) \
    && mkdir libraries \
    && cp "$packages"/torch/lib/libtorch_cpu.so "$packages"/torch/lib/libc10.so \
        "$packages"/torch/lib/libgomp.so.1 "$packages"/nvidia/cu13/lib/libcudart.so.13 \
        "$packages"/nvidia/cu13/lib/libcupti.so.13 libraries/

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        libabsl20220623 libcivetweb1 libfmt9 libgrpc++1.51 libpcre2-8-0 libprometheus-cpp-core1.0 \
        libprotobuf32 libre2-9 libspdlog1.10 \
    && apt-get clean && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin skep
COPY --from=build /src/libraries/ /usr/lib/skep/
COPY --from=build /src/build/release/skep /usr/bin/skep
COPY LICENSE NOTICE* /usr/share/doc/skep/
RUN echo /usr/lib/skep >/etc/ld.so.conf.d/skep.conf && ldconfig && skep --version

USER 10001:10001
EXPOSE 8001 8002
# Drains: refuses new requests, finishes those it has, exits with 0.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8002 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '^HTTP/1.. 200' <&3"]
ENTRYPOINT ["skep"]
CMD ["serve", "--model", "/models/model.gguf", \
     "--grpc-address", "0.0.0.0:8001", "--metrics-address", "0.0.0.0:8002"]
