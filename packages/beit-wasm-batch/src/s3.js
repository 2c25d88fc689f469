/** Pictures and shards in S3, by AWS's SDK, which is configured as always: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL and so on. */
import { isFile, piecesOf } from './files.js';
import { FORMATS, INDEX } from './formats/formats.js';
import { failure } from './inputs.js';

// Joined, for bundlers not to look for a package that need not be there.
const PACKAGE = ['@aws-sdk', 'client-s3'].join('/');
// A file that is a folder, which is there when its index is.
const FOLDER = `.${FORMATS.png.ending}`;
// A store that sends and takes nothing for so long is asked again, and in the end is away.
const CONNECT_MS = 10_000;
const IDLE_MS = 60_000;

let opening = null;

/** Returns { sdk, client }, one for the process. */
function openClient(beit) {
  opening ??= import(PACKAGE).then(
    (sdk) => {
      const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3, AWS_REGION } = process.env;
      // Servers other than Amazon's know their buckets by path, and often no region.
      const own = (AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL) && { forcePathStyle: true, ...(!AWS_REGION && { region: 'us-east-1' }) };
      const requestHandler = { connectionTimeout: CONNECT_MS, socketTimeout: IDLE_MS };
      return { sdk, client: new sdk.S3Client({ ...own, requestHandler }) };
    },
    (error) => {
      opening = null;
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      const what = `it needs the package ${PACKAGE}, which is not installed: run "npm install ${PACKAGE}"`;
      throw failure(beit, 'unsupported', 's3://', what, error);
    },
  );
  return opening;
}

/** Returns { Bucket, Key } of s3://BUCKET/KEY. */
function placeOf(beit, address) {
  const [, Bucket, Key] = /^s3:\/\/([^/]+)\/?(.*)$/i.exec(address) ?? [];
  if (!Bucket) throw failure(beit, 'invalid-argument', address, 'it names no bucket; expected s3://BUCKET/KEY');
  return { Bucket, Key };
}

// With these a store refuses, and by these names where it gives them another status.
const REFUSED = [401, 403];
const EXPIRED = ['ExpiredToken', 'ExpiredTokenException', 'InvalidToken', 'CredentialsProviderError', 'TokenProviderError'];

/** Sends a command. Rejects with not-found where there is no such object or bucket, with unauthorized where it is refused, otherwise with network. */
async function send(beit, name, place, { signal, ...more } = {}) {
  const { sdk, client } = await openClient(beit);
  try {
    return await client.send(new sdk[name]({ ...place, ...more }), { abortSignal: signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    const where = `s3://${place.Bucket}/${place.Key ?? more.Prefix ?? ''}`;
    const status = error.$metadata?.httpStatusCode;
    if (status === 404)
      throw failure(beit, 'not-found', where, `there is no such ${error.name === 'NoSuchBucket' ? 'bucket' : 'object'}`, error);
    const said = `the store says ${error.name}${status ? ` (${status})` : ''}: ${error.message.replace(/\.$/, '')}`;
    if (!REFUSED.includes(status) && !EXPIRED.includes(error.name)) throw failure(beit, 'network', where, said, error, status);
    const advice = 'expected credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID) that may list and read there, and write where shards go';
    throw failure(beit, 'unauthorized', where, `${said}; ${advice}`, error, status);
  }
}

/** Returns an object's bytes. Where its body breaks off it is asked for once more. */
export async function readObject(beit, address, signal) {
  for (let attempt = 1; ; ++attempt) {
    const { Body } = await send(beit, 'GetObjectCommand', placeOf(beit, address), { signal });
    try {
      return await Body.transformToByteArray();
    } catch (error) {
      if (signal?.aborted) throw error;
      if (attempt > 1) throw failure(beit, 'network', address, `the object cannot be read (${error.message.replace(/\.$/, '')})`, error);
    }
  }
}

/** Whether a bucket answers nobody, or not us: where not even a list of it can be had, an object that cannot be read has not failed by itself. */
export async function isAway(beit, address, signal) {
  const { Bucket } = placeOf(beit, address);
  try {
    await send(beit, 'ListObjectsV2Command', { Bucket }, { MaxKeys: 1, signal });
    return false;
  } catch (error) {
    signal?.throwIfAborted();
    return error.code !== 'not-found';
  }
}

/** Yields the keys that begin with `Prefix`; with a Delimiter, those that have it behind that once, up to it. */
async function* keysOf(beit, { Bucket, Key: Prefix }, { Delimiter, signal } = {}) {
  let ContinuationToken;
  do {
    const page = await send(beit, 'ListObjectsV2Command', { Bucket }, { Prefix, Delimiter, ContinuationToken, signal });
    for (const { Key } of page.Contents ?? []) yield Key;
    for (const { Prefix: folder } of page.CommonPrefixes ?? []) yield folder;
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken);
}

/** Returns the addresses of objects whose keys begin as that of `address`, in order. */
export async function listObjects(beit, address, signal) {
  const place = placeOf(beit, address);
  const found = [];
  for await (const key of keysOf(beit, place, { signal })) found.push(`s3://${place.Bucket}/${key}`);
  return found.sort();
}

export async function openBucketStore(beit, output) {
  await openClient(beit);
  return new BucketStore(beit, output.replace(/\/+$/, ''));
}

/** As stores.js has them; objects are whole by themselves. */
class BucketStore {
  #beit;
  #place;

  constructor(beit, output) {
    this.#beit = beit;
    this.#place = placeOf(beit, output);
    this.address = output;
    this.output = output;
  }

  path(name) {
    return `${this.output}/${name}`;
  }

  #placeOf(name) {
    const { Bucket, Key } = this.#place;
    return { Bucket, Key: Key ? `${Key}/${name}` : name };
  }

  async prepare() {
    // A bucket is asked for what it has, or says here that there is none.
    const { Bucket, Key: Prefix } = this.#placeOf('');
    await send(this.#beit, 'ListObjectsV2Command', { Bucket }, { Prefix, MaxKeys: 1 });
  }

  async list() {
    return [...(await this.#whole(() => true))];
  }

  async among(names) {
    const wanted = new Set(names);
    return this.#whole((name) => wanted.has(name));
  }

  /** Returns those that are wanted and whole. Folders are not looked through: one of maps has thousands, and its index alone tells. */
  async #whole(isWanted) {
    const prefix = this.#placeOf('');
    const names = new Set();
    for await (const key of keysOf(this.#beit, prefix, { Delimiter: '/' })) {
      const name = key.slice(prefix.Key.length).replace(/\/$/, '');
      const isFolder = key.endsWith('/');
      if (isWanted(name) && (!isFolder || (name.endsWith(FOLDER) && (await this.has(name))))) names.add(name);
    }
    return names;
  }

  async has(name) {
    try {
      await send(this.#beit, 'HeadObjectCommand', this.#placeOf(name.endsWith(FOLDER) ? `${name}/${INDEX}` : name));
      return true;
    } catch (error) {
      if (error.code === 'not-found') return false;
      throw error;
    }
  }

  async read(name) {
    try {
      return Buffer.from(await readObject(this.#beit, this.path(name))).toString();
    } catch (error) {
      if (error.code === 'not-found') return null;
      throw error;
    }
  }

  bytes(name) {
    return readObject(this.#beit, this.path(name));
  }

  async write(name, content, signal) {
    const put = (key, Body) => send(this.#beit, 'PutObjectCommand', this.#placeOf(key), { Body, signal });
    if (isFile(content)) return void (await put(name, Buffer.concat([...piecesOf(content)])));
    const { [INDEX]: index, ...others } = content;
    for (const [inner, bytes] of Object.entries(others)) await put(`${name}/${inner}`, bytes);
    await put(`${name}/${INDEX}`, index);
  }

  async tidy() {}
}
