/** What a page may grow by. */
export type Grower = 'arrays' | 'typed' | 'wasm' | 'dom' | 'worker' | 'leak';

/** Expressions that allocate as fast as they can until they are stopped; `leak` gives 40 MB each 200 ms and answers in between. */
export const growers: Readonly<Record<Grower, string>> = {
  arrays: 'var k=[];for(;;)k.push(new Array(1e5).fill(Math.random()))',
  typed: 'var k=[];for(;;)k.push(new Float64Array(1e6).fill(Math.random()))',
  wasm:
    'var k=[];for(;;){const m=new WebAssembly.Memory({initial:160});' +
    'new Uint8Array(m.buffer).fill(1);k.push(m)}',
  dom: "for(;;){const d=document.createElement('p');d.textContent='grown '+Math.random();document.body.append(d)}",
  worker:
    'var w=new Worker(URL.createObjectURL(new Blob(' +
    "['var k=[];for(;;)k.push(new Array(1e5).fill(Math.random()))'])));1",
  leak: 'var k=[];setInterval(()=>{for(let i=0;i<10;i++)k.push(new Array(131072).fill(Math.random()))},200);1',
};

/** Names of all, in the order of the table. */
export const growerNames = Object.keys(growers) as Grower[];
