# Seawall's image, with the promtool and amtool that its checks run. `docker compose build` gives the tags of
# compose/versions.env; both programs come from the images that the stack runs, so the checks are by the same versions.
ARG PYTHON_IMAGE
ARG PROMETHEUS_IMAGE
ARG ALERTMANAGER_IMAGE

FROM ${PROMETHEUS_IMAGE} AS prometheus

FROM ${ALERTMANAGER_IMAGE} AS alertmanager

# What Seawall needs, in a layer of its own: it changes seldom, and takes the most of a build's time.
FROM ${PYTHON_IMAGE} AS needed
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/seawall && mkdir seawall && touch seawall/__init__.py \
    && /opt/seawall/bin/python -m pip install '.[stack,otlp]'

FROM needed AS installed
COPY . .
RUN /opt/seawall/bin/python -m pip install --no-deps --force-reinstall . \
    && /opt/seawall/bin/python -m pip uninstall --yes pip

# A bill of the Python packages, made on demand: docker compose --profile sbom build sbom
FROM installed AS sbom
RUN python -m venv /opt/sbom && /opt/sbom/bin/python -m pip install cyclonedx-bom \
    && /opt/sbom/bin/cyclonedx-py environment --output-file /sbom.cdx.json /opt/seawall/bin/python
USER 65532:65532
ENTRYPOINT ["cat", "/sbom.cdx.json"]

FROM ${PYTHON_IMAGE} AS seawall
LABEL org.opencontainers.image.title="Seawall" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=prometheus /bin/promtool /usr/local/bin/
COPY --from=alertmanager /bin/amtool /usr/local/bin/
COPY compose/seawall/ /usr/local/bin/
COPY --from=installed /opt/seawall /opt/seawall
# Named volumes take their owner from these folders when they are made.
RUN for folder in /build /collector /credentials /edge /inbox /var/cache/seawall /victoria; do \
        mkdir -p "$folder" && chown 65532:65532 "$folder"; \
    done
ENV PATH=/opt/seawall/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["seawall"]

FROM needed AS shop-installed
RUN /opt/seawall/bin/python -m pip install '.[shop]'
COPY . .
RUN /opt/seawall/bin/python -m pip install --no-deps --force-reinstall . \
    && /opt/seawall/bin/python -m pip uninstall --yes pip

# The example shop of the profile demo.
FROM seawall AS shop
COPY --from=shop-installed /opt/seawall /opt/seawall
COPY examples/shop/*.py /shop/
WORKDIR /shop
ENTRYPOINT []
