# One image, three commands: web (the default), worker, sweeper.
#   docker run … esupport                                                  web on port 8080
#   docker run … esupport flask --app app portal worker --queue actions    likewise mail, webhooks
#   docker run … esupport flask --app app portal sweeper
# Give containers 90 seconds to stop (stop_grace_period: 90s): the row at hand is finished first.
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PORTAL_ENV=production PORTAL_DATA=/data
WORKDIR /srv/esupport

COPY requirements.txt .
RUN pip install --require-hashes -r requirements.txt

COPY config.py run.py .env.example ./
COPY launch launch
COPY migrations migrations
COPY app app

# The data folder holds only the erasure journal: keep it on a volume.
RUN useradd --system --uid 10001 esupport && mkdir /data && chown esupport /data
USER esupport
VOLUME /data

EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
CMD ["gunicorn", "-c", "app/gunicorn.py", "--bind", "0.0.0.0:8080"]
