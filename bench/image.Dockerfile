# The careful Dockerfile that bench/image.py compares with: two stages, no pip in the image, bytecode compiled, a numeric
# user, requirements before code. BuildKit and Buildah get a cache for pip's downloads besides (CACHE in image_sides.py).
ARG BASE
FROM ${BASE} AS packages
ARG PIP_INDEX_URL
RUN python3 -m venv --without-pip /venv
COPY requirements.txt server.txt /tmp/
RUN pip --python /venv/bin/python install -q --disable-pip-version-check -r /tmp/requirements.txt -r /tmp/server.txt

FROM ${BASE}
COPY --from=packages /venv /venv
ENV PATH=/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 HOME=/tmp
WORKDIR /app
COPY . .
RUN SECRET_KEY=building python manage.py collectstatic --noinput -v 0 && python -m compileall -q .
USER 10001
ENTRYPOINT ["gunicorn", "--threads=4", "served:application"]
