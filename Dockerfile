# The witness as an image: docker build -t drwatch . && docker run -v /etc/drwatch:/etc/drwatch:ro -v drwatch:/var/lib/drwatch drwatch
ARG BASE=docker.io/library/python:3.13-slim

FROM $BASE AS build
# pip's own settings, for a mirror or for wheels brought along.
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
RUN python3 -m venv /opt/drwatch
WORKDIR /src
COPY requirements-run.lock ./
RUN /opt/drwatch/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements-run.lock
COPY pyproject.toml README.md ./
COPY drwatch drwatch
RUN /opt/drwatch/bin/pip install --no-cache-dir --no-build-isolation --no-deps .

FROM $BASE
# A fixed number, so that the owner of the mounted configuration and volume can be set before the first start.
RUN groupadd --gid 9633 drwatch \
 && useradd --uid 9633 --gid drwatch --home-dir /var/lib/drwatch --no-create-home --shell /usr/sbin/nologin drwatch \
 && install -d -m 0700 -o drwatch -g drwatch /var/lib/drwatch \
 && install -d -m 0750 -o drwatch -g drwatch /run/drwatch
COPY --from=build /opt/drwatch /opt/drwatch
ENV PATH=/opt/drwatch/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER drwatch
VOLUME /var/lib/drwatch
EXPOSE 9633
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["drwatch", "status"]
ENTRYPOINT ["drwatch"]
CMD ["run", "--config", "/etc/drwatch/drwatch.yaml"]
