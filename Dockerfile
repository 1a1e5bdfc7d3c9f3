# facesmith serve in a container: not root, and nothing is written.
#
#   docker build -t facesmith .
#   docker run --rm --read-only --cap-drop ALL -p 127.0.0.1:8000:8000 facesmith
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src src
RUN python -m venv /opt/facesmith \
 && /opt/facesmith/bin/pip install --no-cache-dir --constraint constraints.txt '.[serve]' \
 && /opt/facesmith/bin/python -m compileall -q /opt/facesmith

FROM python:3.13-slim
COPY --from=build /opt/facesmith /opt/facesmith
ENV PATH=/opt/facesmith/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["facesmith"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
