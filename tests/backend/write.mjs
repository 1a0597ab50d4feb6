// Writes into the database that MONGODB_URI names: `first` everything, odd cases too; `later` what is new since.
// Prints one JSON object that says what there is.

import bcrypt from 'bcryptjs';
import mongoose from 'mongoose';
import { backend, Conversation, Message, User } from './backend.mjs';

const [what, people, messages] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const LONG = 'é'.repeat(40);

await mongoose.connect(process.env.MONGODB_URI);
const server = backend().listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));

async function post(path, body) {
  const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (response.status !== 201) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

const signUp = (username, password, fullName = `Full ${username}`) =>
  post('/api/auth/signup', { fullName, username, password, gender: 'female' });
const send = (sender, receiver, message) =>
  post(`/api/${sender._id}/messages/send/${receiver._id}`, { message });

async function first() {
  const ann = await signUp('ann', 'password-ann');
  const bob = await signUp('bob', 'pass-b', 'Bob \u202eevil');
  const long = await signUp('long', LONG);
  const clash = await signUp('Ann', 'password-Ann');
  const odd = await signUp('Änn Lée', 'password-odd');
  const short = await signUp('x', 'password-x');

  // Many more at once, as their hashes take long.
  const password = await bcrypt.hash('password-many', 4);
  const many = Array.from({ length: people }, (_, number) => ({
    _id: new mongoose.Types.ObjectId(),
    username: `person${number}`,
    fullName: `Person ${number}`,
    gender: 'male',
    password,
  }));
  await User.insertMany(many);
  const begun = Date.UTC(2024, 0, 1);
  const said = Array.from({ length: messages }, (_, number) => {
    const sender = many[(number * 7) % people];
    const receiver = many[((number * 7) % people + 1 + (number % 5)) % people];
    const at = new Date(begun + number * 1000);
    return { senderId: sender._id, receiverId: receiver._id, message: `said ${number}`, createdAt: at, updatedAt: at };
  });
  // Not in the order in which they were sent.
  for (let at = 0; at < said.length; at += 5000) {
    await Message.insertMany(said.slice(at, at + 5000).reverse());
  }
  for (let number = 0; number < 20; number++) {
    await send(number % 2 ? ann : bob, number % 2 ? bob : ann, `talk ${number}`);
  }
  await send(ann, bob, 'the last');
  await send(long, ann, 'from long');

  // What no schema keeps out of a database that has been there for years.
  const [users, raw, conversations] = [User.collection, Message.collection, Conversation.collection];
  const id = (value) => new mongoose.Types.ObjectId(value._id);
  await users.insertOne({ username: 'nopassword', fullName: 'No Password', createdAt: new Date(begun) });
  await users.insertOne({ _id: 'a text', username: 'noid', fullName: 'No Id', password });
  const nobody = new mongoose.Types.ObjectId();
  const at = { createdAt: new Date(begun), updatedAt: new Date(begun) };
  const bad = await raw.insertMany([
    { senderId: id(ann), receiverId: nobody, message: 'to nobody', ...at },
    { senderId: nobody, receiverId: id(ann), message: 'from nobody', ...at },
    { senderId: id(ann), receiverId: id(ann), message: 'to myself', ...at },
    { senderId: id(ann), receiverId: id(bob), message: '', ...at },
    { senderId: id(ann), receiverId: id(bob), message: '  ', ...at },
    { senderId: id(ann), receiverId: id(bob), message: 'x'.repeat(4001), ...at },
    { senderId: id(ann), receiverId: id(bob), message: 7, ...at },
    { senderId: id(ann), receiverId: id(bob), ...at },
    { _id: 'a text', senderId: id(ann), receiverId: id(bob), message: 'no id', ...at },
  ]);
  // These are as good as others.
  const early = mongoose.Types.ObjectId.createFromTime(begun / 1000);
  await raw.insertMany([
    { _id: early, senderId: id(bob), receiverId: id(ann), message: 'without a time' },
    { senderId: ann._id, receiverId: bob._id, message: 'ids as texts', createdAt: new Date(begun + 1) },
  ]);
  await conversations.insertMany([
    { participants: [id(bob), id(ann)], messages: [] },
    { participants: [id(ann), id(bob), id(long)], messages: [] },
    { participants: [id(ann), nobody], messages: [] },
    { participants: [id(ann), id(ann)], messages: [] },
    { messages: [] },
  ]);
  return { bad: Object.values(bad.insertedIds).map(String), nobody, many: many.length };
}

async function later() {
  const [ann, bob] = [await User.findOne({ username: 'ann' }), await User.findOne({ username: 'bob' })];
  const fresh = await signUp('fresh', 'password-fresh');
  await send(fresh, ann, 'hello, I am new');
  await send(bob, ann, 'one more');
  return {};
}

const told = await (what === 'first' ? first() : later());
console.log(JSON.stringify(told));
server.close();
await mongoose.disconnect();
