# Seawall's image, with the promtool and amtool that its checks run. `docker compose build` gives the tags of
# compose/versions.env; both programs come from the images that the stack runs, so the checks are by the same versions.
ARG PYTHON_IMAGE
ARG PROMETHEUS_IMAGE
ARG ALERTMANAGER_IMAGE

FROM ${PROMETHEUS_IMAGE} AS prometheus

FROM ${ALERTMANAGER_IMAGE} AS alertmanager

FROM ${PYTHON_IMAGE} AS installed
WORKDIR /src
COPY . .
RUN python -m venv /opt/seawall \
    && /opt/seawall/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check '.[stack,otlp]' \
    && /opt/seawall/bin/python -m pip uninstall --quiet --yes pip

FROM ${PYTHON_IMAGE} AS seawall
LABEL org.opencontainers.image.title="Seawall" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=prometheus /bin/promtool /usr/local/bin/
COPY --from=alertmanager /bin/amtool /usr/local/bin/
COPY compose/seawall/ /usr/local/bin/
COPY --from=installed /opt/seawall /opt/seawall
# Named volumes take their owner from these folders when they are made.
RUN mkdir -p /build /inbox /credentials /var/cache/seawall \
    && chown 65532:65532 /build /inbox /credentials /var/cache/seawall
ENV PATH=/opt/seawall/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["seawall"]

FROM ${PYTHON_IMAGE} AS shop-installed
WORKDIR /src
COPY . .
RUN python -m venv /opt/seawall \
    && /opt/seawall/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check '.[stack,otlp,shop]' \
    && /opt/seawall/bin/python -m pip uninstall --quiet --yes pip

# The example shop of the profile demo.
FROM seawall AS shop
COPY --from=shop-installed /opt/seawall /opt/seawall
COPY examples/shop/*.py /shop/
WORKDIR /shop
ENTRYPOINT []
