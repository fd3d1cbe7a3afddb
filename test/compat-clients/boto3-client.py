"""What a program with boto3 does; exits with 0 when every answer was right."""

import hashlib
import io
import urllib.error
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

MIB = 1024 * 1024


def content(name, size):
    block = hashlib.sha256(name.encode()).digest()
    return (block * (size // len(block) + 1))[:size]


def refusal(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "nothing"


client = boto3.client(
    "s3",
    # Without the version, boto3 still signs URLs of us-east-1 in the old way, which Skerry refuses.
    config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
)
client.create_bucket(Bucket="boto3")

for size in (0, 1, 5 * MIB + 1):
    body = content("boto3 %d" % size, size)
    client.put_object(Bucket="boto3", Key="files/%d" % size, Body=body, Metadata={"size": str(size)})
    got = client.get_object(Bucket="boto3", Key="files/%d" % size)
    assert got["Body"].read() == body, size
    assert got["Metadata"] == {"size": str(size)}, got["Metadata"]
    assert got["ContentLength"] == size

big = content("boto3 multipart", 20 * MIB)
parts = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB)
client.upload_fileobj(io.BytesIO(big), "boto3", "files/multipart", Config=parts)
head = client.head_object(Bucket="boto3", Key="files/multipart")
assert head["ContentLength"] == len(big) and head["ETag"].endswith('-3"'), head
down = io.BytesIO()
client.download_fileobj("boto3", "files/multipart", down, Config=parts)
assert down.getvalue() == big

ranged = client.get_object(Bucket="boto3", Key="files/multipart", Range="bytes=8388600-8388700")
assert ranged["Body"].read() == big[8388600:8388701]

for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
    try:
        client.put_object(Bucket="boto3", Key="sums/" + algorithm, Body=b"sum", ChecksumAlgorithm=algorithm)
    except Exception as error:  # boto3 itself lacks some algorithms when its C library is not installed
        if type(error).__name__ != "MissingDependencyException":
            raise
        print("not tested, for boto3 lacks it here: " + algorithm)
        continue
    summed = client.head_object(Bucket="boto3", Key="sums/" + algorithm, ChecksumMode="ENABLED")
    assert "Checksum" + algorithm in summed, (algorithm, summed)

pages = client.get_paginator("list_objects_v2").paginate(
    Bucket="boto3", Prefix="files/", PaginationConfig={"PageSize": 2}
)
keys = [row["Key"] for page in pages for row in page["Contents"]]
assert keys == ["files/0", "files/1", "files/%d" % (5 * MIB + 1), "files/multipart"], keys

old = boto3.client("s3", config=Config(signature_version="s3"))
try:
    old_url = old.generate_presigned_url("get_object", Params={"Bucket": "boto3", "Key": "files/0"})
    urllib.request.urlopen(old_url)
    raise AssertionError("a URL that is signed in the old way was accepted")
except urllib.error.HTTPError as error:
    assert error.code == 400 and b"AWS4-HMAC-SHA256" in error.read(), error

url = client.generate_presigned_url("get_object", Params={"Bucket": "boto3", "Key": "files/multipart"}, ExpiresIn=60)
with urllib.request.urlopen(url) as answer:
    assert answer.read() == big
put = client.generate_presigned_url("put_object", Params={"Bucket": "boto3", "Key": "by-url"}, ExpiresIn=60)
with urllib.request.urlopen(urllib.request.Request(put, data=b"by url", method="PUT")) as answer:
    assert answer.status == 200

client.copy({"Bucket": "boto3", "Key": "files/multipart"}, "boto3", "copied", Config=parts)
assert client.get_object(Bucket="boto3", Key="copied")["Body"].read() == big

assert refusal(client.put_object, Bucket="boto3", Key="by-url", Body=b"", IfNoneMatch="*") == "PreconditionFailed"
assert refusal(client.get_object, Bucket="boto3", Key="none") == "NoSuchKey"
assert refusal(client.delete_bucket, Bucket="boto3") == "BucketNotEmpty"

bucket = boto3.resource("s3").Bucket("boto3")
bucket.objects.all().delete()
assert list(bucket.objects.all()) == []
client.delete_bucket(Bucket="boto3")
assert "boto3" not in [row["Name"] for row in client.list_buckets()["Buckets"]]
print("all right with boto3 " + boto3.__version__)
