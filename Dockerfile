# fit-avatar in a container: the page in the browser, or any other of its commands (docs/containers.md).
#
#     docker build -t fit-avatar .                                     PyTorch for CPUs
#     docker build -t fit-avatar:cuda --build-arg DEVICE=cuda .        PyTorch with CUDA, some gigabytes larger
#     docker run --rm -p 127.0.0.1:7860:7860 fit-avatar                the page, at http://127.0.0.1:7860

ARG PYTHON=3.12

FROM python:${PYTHON}-slim-bookworm AS build
ARG DEVICE=cpu
ARG EXTRAS=app
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
RUN python -m venv /opt/fit-avatar
COPY requirements.txt ./
# The package index has PyTorch with CUDA for Linux on x86-64; builds for CPUs alone ("+cpu") are in an index of their own.
RUN case "$DEVICE" in \
      cpu) export PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu ;; \
      cuda) ;; \
      *) echo "DEVICE is cpu or cuda, not $DEVICE" >&2; exit 1 ;; \
    esac \
 && /opt/fit-avatar/bin/pip install -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY fit_avatar fit_avatar
RUN /opt/fit-avatar/bin/pip install -r requirements.txt ".[$EXTRAS]"

FROM python:${PYTHON}-slim-bookworm
# Nobody in particular: a run with --user of somebody else may write to the cache, too.
RUN useradd --system --uid 10001 --home-dir /cache --shell /usr/sbin/nologin avatar \
 && install -d -m 1777 /cache \
 && install -d -o avatar /work
COPY --from=build /opt/fit-avatar /opt/fit-avatar
ENV PATH=/opt/fit-avatar/bin:$PATH HOME=/cache FIT_AVATAR_CACHE=/cache/fit-avatar PYTHONUNBUFFERED=1 \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001
WORKDIR /work
VOLUME /cache
EXPOSE 7860
# Ctrl-C: a run that is stopped so keeps the stages that are done.
STOPSIGNAL SIGINT
HEALTHCHECK --start-period=60s --timeout=10s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860', timeout=8)"]
ENTRYPOINT ["fit-avatar"]
CMD ["app", "--host", "0.0.0.0"]
